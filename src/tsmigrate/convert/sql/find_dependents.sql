-- Views, rules, policies and SQL functions that name the table can be pointed at its successor in place. Materialized
-- views, and what has the table's row type in its signature, cannot: they, and what depends on them, are made anew.
WITH RECURSIVE doomed (class, object, depth) AS (
  SELECT n.class, n.object, 1 FROM (
    SELECT 'pg_class'::regclass::oid AS class, v.oid AS object
    FROM pg_depend p JOIN pg_rewrite w ON p.classid = 'pg_rewrite'::regclass AND w.oid = p.objid
    JOIN pg_class v ON v.oid = w.ev_class AND v.relkind = 'm'
    WHERE p.refclassid = 'pg_class'::regclass AND p.refobjid = target
       OR p.refclassid = 'pg_type'::regclass AND p.refobjid IN
          (SELECT unnest(ARRAY[t.oid, t.typarray]) FROM pg_type t WHERE t.typrelid = target)
    UNION
    SELECT p.classid, p.objid
    FROM pg_depend p JOIN pg_type t ON t.typrelid = target AND p.refobjid IN (t.oid, t.typarray)
    LEFT JOIN pg_class v ON p.classid = 'pg_class'::regclass AND v.oid = p.objid
    WHERE p.refclassid = 'pg_type'::regclass AND p.deptype = 'n'
      AND (p.classid = 'pg_proc'::regclass OR v.relkind IN ('v', 'm'))
  ) AS n
  UNION ALL
  SELECT n.class, n.object, d.depth + 1
  FROM doomed d CROSS JOIN LATERAL (
    SELECT CASE WHEN w.oid IS NULL THEN p.classid ELSE 'pg_class'::regclass::oid END AS class,
           coalesce(w.ev_class, p.objid) AS object
    FROM (
      SELECT d.class, d.object
      UNION ALL
      SELECT 'pg_type'::regclass, unnest(ARRAY[t.oid, t.typarray])
      FROM pg_class c JOIN pg_type t ON t.oid = c.reltype WHERE d.class = 'pg_class'::regclass AND c.oid = d.object
    ) AS named (class, object)
    JOIN pg_depend p ON (p.refclassid, p.refobjid) = (named.class, named.object) AND p.deptype = 'n'
    LEFT JOIN pg_rewrite w ON p.classid = 'pg_rewrite'::regclass AND w.oid = p.objid
    LEFT JOIN pg_class v ON v.oid = coalesce(w.ev_class, CASE WHEN p.classid = 'pg_class'::regclass THEN p.objid END)
    WHERE (v.relkind IN ('v', 'm') OR p.classid = 'pg_proc'::regclass)
      AND coalesce(w.ev_class, p.objid) <> d.object
  ) AS n
  WHERE d.depth < 100
), once AS (
  SELECT class, object, max(depth) AS depth FROM doomed GROUP BY class, object
)
SELECT coalesce(array_agg(object ORDER BY depth, object) FILTER (WHERE class = 'pg_class'::regclass), '{}'),
       coalesce(array_agg(object ORDER BY depth, object) FILTER (WHERE class = 'pg_proc'::regclass), '{}'),
       coalesce(array_agg(CASE WHEN class = 'pg_proc'::regclass THEN format('DROP ROUTINE %s', object::regprocedure)
                               ELSE format('DROP %s %s', CASE relkind WHEN 'm' THEN 'MATERIALIZED VIEW' ELSE 'VIEW' END,
                                           object::regclass) END
                          ORDER BY depth DESC, object DESC), '{}'),
       array_agg(CASE WHEN class = 'pg_proc'::regclass THEN object::regprocedure::text ELSE object::regclass::text END
                 ORDER BY depth, object)
INTO doomed_relations, doomed_functions, detaching, doomed_names
FROM once LEFT JOIN pg_class ON class = 'pg_class'::regclass AND oid = object;

-- Whatever else depends on the table, or on what is made anew, nobody here knows how to give back.
SELECT array_agg(DISTINCT format('%s depends on %s', pg_describe_object(classid, objid, objsubid),
                                 pg_describe_object(refclassid, refobjid, 0)))
INTO found_reasons
FROM (
  SELECT 'pg_class'::regclass::oid AS class, target::oid AS object, true AS own
  UNION ALL SELECT 'pg_type'::regclass, unnest(ARRAY[oid, typarray]), true FROM pg_type WHERE typrelid = target
  UNION ALL SELECT 'pg_class'::regclass, indexrelid, true FROM pg_index WHERE indrelid = target
  UNION ALL SELECT 'pg_constraint'::regclass, oid, true FROM pg_constraint WHERE conrelid = target
  UNION ALL SELECT 'pg_class'::regclass, objid, true FROM pg_depend
    WHERE classid = 'pg_class'::regclass AND refclassid = 'pg_class'::regclass AND refobjid = target
      AND refobjsubid > 0 AND deptype = 'i'
  UNION ALL SELECT 'pg_class'::regclass, unnest(doomed_relations), false
  UNION ALL SELECT 'pg_type'::regclass, unnest(ARRAY[oid, typarray]), false FROM pg_type WHERE typrelid = ANY (doomed_relations)
  UNION ALL SELECT 'pg_proc'::regclass, unnest(doomed_functions), false
) AS needed
JOIN pg_depend d ON d.refclassid = needed.class AND d.refobjid = needed.object AND d.deptype IN ('n', 'a')
WHERE NOT CASE d.classid
  WHEN 'pg_rewrite'::regclass THEN
    EXISTS (SELECT FROM pg_rewrite w JOIN pg_class v ON v.oid = w.ev_class
            WHERE w.oid = d.objid AND (needed.own OR v.oid = ANY (doomed_relations)))
  WHEN 'pg_policy'::regclass THEN needed.own
  WHEN 'pg_proc'::regclass THEN EXISTS (SELECT FROM pg_proc WHERE oid = d.objid AND prokind IN ('f', 'p'))
  WHEN 'pg_class'::regclass THEN
    d.objid = ANY (doomed_relations || ARRAY[target::oid])
    OR EXISTS (SELECT FROM pg_index WHERE indexrelid = d.objid AND indrelid = ANY (doomed_relations || ARRAY[target::oid])
                                          AND d.refclassid <> 'pg_proc'::regclass)
    OR EXISTS (SELECT FROM pg_inherits WHERE inhrelid = d.objid AND inhparent = target)
    OR d.deptype = 'a' AND EXISTS (SELECT FROM pg_class WHERE oid = d.objid AND relkind = 'S')
  WHEN 'pg_constraint'::regclass THEN
    needed.own AND EXISTS (SELECT FROM pg_constraint WHERE oid = d.objid AND (conrelid = target OR confrelid = target))
  WHEN 'pg_attrdef'::regclass THEN
    EXISTS (SELECT FROM pg_attrdef WHERE oid = d.objid AND adrelid = ANY (doomed_relations || ARRAY[target::oid])
                                         AND d.refclassid = 'pg_class'::regclass)
  WHEN 'pg_trigger'::regclass THEN
    EXISTS (SELECT FROM pg_trigger WHERE oid = d.objid AND tgrelid = ANY (doomed_relations || ARRAY[target::oid])
                                         AND d.refclassid <> 'pg_proc'::regclass)
    OR EXISTS (SELECT FROM pg_trigger WHERE oid = d.objid AND tgisinternal)
  WHEN 'pg_statistic_ext'::regclass THEN
    EXISTS (SELECT FROM pg_statistic_ext WHERE oid = d.objid AND stxrelid = target)
  WHEN 'pg_publication_rel'::regclass THEN needed.own
  ELSE false END;
reasons := reasons || found_reasons;
mends := mends || array_fill('Drop it first, and create it again afterwards.'::text, ARRAY[coalesce(cardinality(found_reasons), 0)]);

-- Their owners must be ours to act for.
SELECT array_agg(DISTINCT format('%I may not change %s, which depends on it', current_user, dependent)) INTO found_reasons
FROM (
  SELECT oid::regclass::text, relowner FROM pg_class WHERE oid = ANY (doomed_relations)
  UNION ALL SELECT oid::regprocedure::text, proowner FROM pg_proc WHERE oid = ANY (doomed_functions)
  UNION ALL
  SELECT c.oid::regclass::text, c.relowner
  FROM pg_depend d JOIN pg_rewrite w ON d.classid = 'pg_rewrite'::regclass AND w.oid = d.objid
  JOIN pg_class c ON c.oid = w.ev_class
  WHERE d.refclassid = 'pg_class'::regclass AND d.refobjid = target
  UNION ALL
  SELECT c.oid::regclass::text, c.relowner
  FROM pg_depend d JOIN pg_policy w ON d.classid = 'pg_policy'::regclass AND w.oid = d.objid
  JOIN pg_class c ON c.oid = w.polrelid
  WHERE d.refclassid = 'pg_class'::regclass AND d.refobjid = target
  UNION ALL
  SELECT p.oid::regprocedure::text, p.proowner
  FROM pg_depend d JOIN pg_proc p ON d.classid = 'pg_proc'::regclass AND p.oid = d.objid
  WHERE d.refclassid = 'pg_class'::regclass AND d.refobjid = target
  UNION ALL SELECT s.stxname::text, s.stxowner FROM pg_statistic_ext s WHERE s.stxrelid = target
) AS dependents (dependent, owner)
WHERE NOT pg_has_role(owner, 'USAGE');
reasons := reasons || found_reasons;
mends := mends || array_fill('Run it as a member of the owning role too.'::text, ARRAY[coalesce(cardinality(found_reasons), 0)]);

SELECT array_agg(DISTINCT format('%s carries security labels or goes with an extension', what)) INTO found_reasons
FROM (
  SELECT pg_describe_object(classoid, objoid, 0) FROM pg_seclabel
  WHERE classoid = 'pg_class'::regclass AND objoid = ANY (doomed_relations)
     OR classoid = 'pg_proc'::regclass AND objoid = ANY (doomed_functions)
  UNION ALL
  SELECT pg_describe_object(classid, objid, 0) FROM pg_depend
  WHERE classid = 'pg_class'::regclass AND objid = ANY (doomed_relations || ARRAY[target::oid]) AND deptype IN ('x', 'e')
     OR classid = 'pg_proc'::regclass AND objid = ANY (doomed_functions) AND deptype = 'e'
) AS marked (what);
reasons := reasons || found_reasons;
mends := mends || array_fill('Drop it first, and create it again afterwards.'::text, ARRAY[coalesce(cardinality(found_reasons), 0)]);

-- A grant can be made again only by the role that made it.
relations := ARRAY[target::oid] || doomed_relations || ARRAY(
  SELECT objid FROM pg_depend WHERE classid = 'pg_class'::regclass AND refclassid = 'pg_class'::regclass
    AND refobjid = target AND refobjsubid > 0 AND deptype = 'i' ORDER BY refobjsubid);
SELECT array_agg(DISTINCT format('%I, who does not own %s, has granted rights on it', pg_get_userbyid(grantor), what))
INTO found_reasons
FROM (
  SELECT c.oid::regclass::text, c.relowner, (aclexplode(c.relacl)).grantor FROM pg_class c WHERE c.oid = ANY (relations)
  UNION ALL
  SELECT c.oid::regclass::text, c.relowner, (aclexplode(a.attacl)).grantor
  FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid WHERE c.oid = ANY (relations)
  UNION ALL
  SELECT p.oid::regprocedure::text, p.proowner, (aclexplode(p.proacl)).grantor FROM pg_proc p WHERE p.oid = ANY (doomed_functions)
) AS granted (what, owner, grantor)
WHERE grantor <> owner;
reasons := reasons || found_reasons;
mends := mends || array_fill('Revoke them first, or have the owner grant them.'::text, ARRAY[coalesce(cardinality(found_reasons), 0)]);

SELECT array_agg(oid::regclass::text ORDER BY place) INTO relation_names
FROM unnest(relations) WITH ORDINALITY AS r (oid, place);
SELECT coalesce(array_agg(oid::regprocedure::text ORDER BY place), '{}') INTO function_names
FROM unnest(doomed_functions) WITH ORDINALITY AS f (oid, place);

-- What is taken off the table so that it can be dropped in the end, or its names used again.
detaching := ARRAY(
  SELECT format('ALTER TABLE %s DROP CONSTRAINT %I', conrelid::regclass, conname) FROM pg_constraint
  WHERE contype = 'f' AND confrelid = target AND conrelid <> target AND conparentid = 0
) || detaching || ARRAY(
  SELECT format('DROP STATISTICS %I.%I', n.nspname, s.stxname)
  FROM pg_statistic_ext s JOIN pg_namespace n ON n.oid = s.stxnamespace WHERE s.stxrelid = target
) || ARRAY(
  SELECT format('ALTER SEQUENCE %s OWNED BY NONE', objid::regclass) FROM pg_depend
  WHERE classid = 'pg_class'::regclass AND refclassid = 'pg_class'::regclass AND refobjid = target AND deptype = 'a'
    AND objid IN (SELECT oid FROM pg_class WHERE relkind = 'S'));

-- What is pointed at the new table in place: grants, owners and comments stay as they are.
repointing := ARRAY(
  SELECT DISTINCT CASE
    WHEN w.rulename = '_RETURN' THEN
      format('CREATE OR REPLACE VIEW %s%s AS %s', v.oid::regclass,
             (SELECT format(' WITH (%s)', string_agg(format('%s = %L', option_name, option_value), ', '))
              FROM pg_options_to_table(v.reloptions) HAVING count(*) > 0),
             rtrim(pg_get_viewdef(v.oid), ';'))
    ELSE regexp_replace(pg_get_ruledef(w.oid), '^CREATE RULE', 'CREATE OR REPLACE RULE') END
  FROM pg_depend d JOIN pg_rewrite w ON d.classid = 'pg_rewrite'::regclass AND w.oid = d.objid
  JOIN pg_class v ON v.oid = w.ev_class
  WHERE (d.refclassid = 'pg_class'::regclass AND d.refobjid = target
         OR d.refclassid = 'pg_type'::regclass AND d.refobjid IN
            (SELECT unnest(ARRAY[t.oid, t.typarray]) FROM pg_type t WHERE t.typrelid = target))
    AND NOT v.oid = ANY (doomed_relations)
) || ARRAY(
  SELECT DISTINCT format('ALTER POLICY %I ON %s%s%s', p.polname, p.polrelid::regclass,
                         ' USING (' || pg_get_expr(p.polqual, p.polrelid) || ')',
                         ' WITH CHECK (' || pg_get_expr(p.polwithcheck, p.polrelid) || ')')
  FROM pg_depend d JOIN pg_policy p ON d.classid = 'pg_policy'::regclass AND p.oid = d.objid
  WHERE d.refclassid IN ('pg_class'::regclass, 'pg_type'::regclass) AND p.polrelid <> target
    AND d.refobjid IN (SELECT unnest(ARRAY[t.typrelid, t.oid, t.typarray]) FROM pg_type t WHERE t.typrelid = target)
) || ARRAY(
  SELECT DISTINCT pg_get_functiondef(p.oid)
  FROM pg_depend d JOIN pg_proc p ON d.classid = 'pg_proc'::regclass AND p.oid = d.objid
  WHERE d.refclassid = 'pg_class'::regclass AND d.refobjid = target AND NOT p.oid = ANY (doomed_functions)
    AND p.prokind IN ('f', 'p')
);
