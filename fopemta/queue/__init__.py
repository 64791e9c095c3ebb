"""Who is served when (shell): the dispatcher takes responsibility for every spooled message until it is finished."""
