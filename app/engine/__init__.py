"""All the waiting: choosing a channel, sending, polling, fetching media, streaming results."""
