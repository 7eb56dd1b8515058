"""What pages are made of: numbers as people read them, charts' data, drawings, links that keep their period."""
