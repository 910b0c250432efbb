"""Every sentence that people read: states, reasons and codes become Russian here, and only here."""
