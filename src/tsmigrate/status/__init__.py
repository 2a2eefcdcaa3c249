"""What `tsmigrate status` reads (gather → facts), judges (judge, outliers) and shows (report/)."""
