-- What keeps another table from taking this one's place, with all that belongs to it.
SELECT 6, format('%I may not create schemas in this database, and one is needed on the way', current_user),
       format('GRANT CREATE ON DATABASE %I TO %I', current_database(), current_user)
WHERE NOT has_database_privilege(current_database(), 'CREATE')
UNION ALL
SELECT 6, format('its owner %I may not create tables in the schema %I', facts.owner, facts.nspname),
       format('GRANT CREATE ON SCHEMA %I TO %I', facts.nspname, facts.owner)
WHERE NOT has_schema_privilege(facts.owner, facts.schema, 'CREATE')
UNION ALL
SELECT 7, format('its index %s is invalid', indexrelid::regclass), 'Rebuild or drop the index first.'
FROM pg_index WHERE indrelid = target AND NOT indisvalid
UNION ALL
SELECT 8, format('the publication %I holds it, and %I may not change that publication', pubname, current_user),
       format('Run it as a member of %I too.', pg_get_userbyid(pubowner))
FROM pg_publication p JOIN pg_publication_rel r ON r.prpubid = p.oid
WHERE r.prrelid = target AND NOT pg_has_role(p.pubowner, 'USAGE')
UNION ALL
SELECT 8, format('the foreign key %I of %s points at it, and %I may not change that table', conname, conrelid::regclass,
                 current_user),
       format('Run it as a member of %I too.', pg_get_userbyid(c.relowner))
FROM pg_constraint k JOIN pg_class c ON c.oid = k.conrelid
WHERE k.contype = 'f' AND k.confrelid = target AND k.conparentid = 0 AND NOT pg_has_role(c.relowner, 'USAGE')
UNION ALL
SELECT 8, 'it carries security labels, which are not given back', 'Remove them first, and set them again afterwards.'
WHERE EXISTS (SELECT FROM pg_seclabel WHERE classoid = 'pg_class'::regclass AND objoid = target)
UNION ALL
SELECT 8, format('the triggers behind its foreign key %I are not all enabled, which is not given back', k.conname),
       'Enable them first: ALTER TABLE … ENABLE TRIGGER ALL.'
FROM pg_constraint k
WHERE k.contype = 'f' AND k.conparentid = 0 AND target IN (k.conrelid, k.confrelid)
  AND EXISTS (SELECT FROM pg_trigger t WHERE t.tgconstraint = k.oid AND t.tgenabled <> 'O')
