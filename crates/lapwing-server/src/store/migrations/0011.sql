-- Why many devices were asked to rotate, in the words of who asked.

ALTER TABLE bulk_rotation ADD COLUMN reason TEXT NOT NULL DEFAULT '';
