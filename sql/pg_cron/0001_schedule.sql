-- Where pg_cron is installed in this database: what central also does hourly by itself, so that it happens when no
-- central runs. Idempotent: a job with the same name is replaced.
SELECT cron.schedule('apply_retention', '17 * * * *', 'SELECT apply_retention()');
