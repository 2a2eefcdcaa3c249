FOR trigger IN
  {{trigger_definitions}}
LOOP
  {{keep_trigger}}
END LOOP;
