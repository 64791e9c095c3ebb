"""When to try again (pure): the timetable of a recipient, and the agenda of all messages."""
