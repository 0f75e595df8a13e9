"""Who owns which field: server-side apply and the tracking of updates, as pure functions of objects and sets."""
