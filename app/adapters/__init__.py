"""One module and one data file per vendor: how its wire looks. Pure; nothing here sends anything."""
