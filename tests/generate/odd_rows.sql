INSERT INTO "Od""d: %s"."read""ing's {of} ééééééééééééééééééééééé" ("the: Time", "de%vice", token, serial)
SELECT now() - n * interval '1 hour', n % 4, 'token ' || n, 'serial ' || n FROM generate_series(1, 500) n;
INSERT INTO "Od""d: %s"."no'te" SELECT n, CASE WHEN n % 2 = 0 THEN n END FROM generate_series(1, 20) n;
