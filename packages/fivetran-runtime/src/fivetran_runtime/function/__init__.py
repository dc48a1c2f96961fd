"""The function as a host calls it: Fivetran's request in, Fivetran's answer out."""
