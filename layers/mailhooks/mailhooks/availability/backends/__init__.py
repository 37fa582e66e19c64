"""The sources of free/busy times, a module each; made from the configuration by `mailhooks.availability.function.config`.

A module is imported when a configuration names its type: exchangelib alone takes longer to load than the rest of the function.
"""
