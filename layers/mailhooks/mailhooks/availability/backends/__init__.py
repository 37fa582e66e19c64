"""The backends, one for each type of calendar system.

`mailhooks.availability.function.config` imports a backend when a configuration names its type: exchangelib alone loads longer
than the rest of the function.
"""
