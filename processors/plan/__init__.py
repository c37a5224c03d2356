"""The planner: forecasts and registry in, one collection plan per fraction out, with a reason for every container."""
