-- Where a Windows device is woken: the channel URI that it has told.

ALTER TABLE device ADD COLUMN push_channel TEXT;
