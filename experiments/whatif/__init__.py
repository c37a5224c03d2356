"""What-if: a city's containers over weeks under several collection policies, in the same arrivals."""
