"""The call between Fivetran and a function: requests, answers, rules, faults, recordings."""
