-- The new objects, under the old names.
relations := ARRAY(SELECT name::regclass FROM unnest(relation_names) WITH ORDINALITY AS r (name, place) ORDER BY place);
doomed_functions := ARRAY(SELECT name::regprocedure FROM unnest(function_names) WITH ORDINALITY AS f (name, place) ORDER BY place);
