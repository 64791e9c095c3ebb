"""DNS questions and their responses (pure): dnspython's messages and names, none of its sockets."""
