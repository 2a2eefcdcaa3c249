IF cardinality(reasons) > 0 THEN
  RAISE EXCEPTION USING ERRCODE = {{refused}},
    MESSAGE = format(E'%s cannot become %s:\n%s', table_name, {{goal}},
                     (SELECT string_agg('- ' || reason, E'\n' ORDER BY place)
                      FROM unnest(reasons) WITH ORDINALITY AS r (reason, place))),
    HINT = (SELECT string_agg(mend, E'\n' ORDER BY place)
            FROM (SELECT mend, min(place) AS place FROM unnest(mends) WITH ORDINALITY AS m (mend, place)
                  WHERE mend <> '' GROUP BY mend) AS once);
END IF;
