"""One small file for each command of `rupor`; bot.commands.frame is what they stand in."""
