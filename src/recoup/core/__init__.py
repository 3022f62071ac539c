"""What every part stands on: time, ids, money, quantities, errors, the database and the engine. Knows no business."""
