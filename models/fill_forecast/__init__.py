"""What is learnt from fill levels: emptyings, inflow, forecasts, scores. Pure functions of arrays."""
