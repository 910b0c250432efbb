"""The outside world on one machine: stand-ins for Telegram, VKontakte and a mail server, and a page to look at them."""
