"""A function as one writes it by hand, and a loader in the place of Fivetran."""
