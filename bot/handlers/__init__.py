"""What the bot does with what people send and press: one file for each subject."""
