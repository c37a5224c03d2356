"""Files that others publish for everybody to fetch, cut into MQTT messages: one per thing."""
