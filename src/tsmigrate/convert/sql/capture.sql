-- Everything the catalogs know of the table, its identity sequences and what is made anew with it, each as the
-- statement that says so and the place in which it is run.
SELECT array_agg(rank ORDER BY rank, place, said), array_agg(said ORDER BY rank, place, said)
INTO ranks, definitions
FROM (
  {{capture_table}}
  UNION ALL
  {{capture_keys}}
  UNION ALL
  {{capture_guards}}
  UNION ALL
  {{capture_anew}}
  UNION ALL
  {{capture_words}}
) AS captured (rank, place, said);
