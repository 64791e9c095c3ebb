"""DNS questions and what a response says about them (pure): dnspython's messages and names, none of its sockets."""
