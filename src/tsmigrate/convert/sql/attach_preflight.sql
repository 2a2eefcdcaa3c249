IF facts.relkind = 'r' AND facts.owned THEN
  -- Each row is a reason and its mend.
  SELECT array_agg(reason), array_agg(mend) INTO found_reasons, found_mends
  FROM (
    SELECT 4, 'it holds no rows, so that there is nothing to attach', 'Say method=''copy''.'
    WHERE counted = 0
    UNION ALL
    SELECT 4, 'as one chunk its rows cannot be spread by a hash dimension', 'Leave hash_dimension out, or say method=''copy''.'
    WHERE hash_column IS NOT NULL
    UNION ALL
    {{anew_preflight}}
    ORDER BY 1, 2
  ) AS found (rank, reason, mend);
  reasons := reasons || found_reasons;
  mends := mends || found_mends;
  -- Dependents are found, and definitions written, with every name in full.
  PERFORM set_config('search_path', '', true);
  {{find_dependents}}
  PERFORM set_config('search_path', callers_path, true);
END IF;
