IF attach_wanted THEN
  {{attach_support}}
  IF or_copied AND reasons <> '{}' THEN
    {{tell_copied}}
    attach_wanted := false;
    reasons := '{}';
    mends := '{}';
  END IF;
  {{refuse}}
END IF;
