"""The program (composition): the rooms put together, started, reloaded and stopped."""
