"""The laboratory: a function, its source and Fivetran in one process, with time, network and faults under control."""
