"""One module a command; see `tfqd_command.command.Command`."""
