-- Devices by name, as a filter of Graph asks for them.
CREATE INDEX device_name ON device (display_name COLLATE NOCASE) WHERE deleted IS NULL;
