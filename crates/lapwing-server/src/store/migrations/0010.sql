-- Rotations that are due later, and those that the showing of a password asks for.

-- Not sent to the device before; null if at once.
ALTER TABLE action ADD COLUMN not_before INTEGER;
-- Why the server asks for it by itself, in words.
ALTER TABLE action ADD COLUMN reason TEXT;
-- The password that was shown, where that is the reason: a newer one makes the action void.
ALTER TABLE action ADD COLUMN revealed INTEGER;

CREATE INDEX action_due ON action (not_before) WHERE state = 'pending' AND not_before IS NOT NULL;
