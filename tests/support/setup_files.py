"""The three files exactly as the old program's instructions print them, and texts that are none of them."""

from __future__ import annotations

ETL = """{
  "paths": {
    "data_input": "/path/to/your/input/data",
    "master_files": "/path/to/your/master/files",
    "output": "reports",
    "etl_scripts": "etl"
  },
  "schedule": {
    "enabled": true,
    "day_of_month": 10,
    "hour": 2,
    "minute": 0,
    "timezone": "Asia/Bangkok"
  },
  "scripts": {
    "fi_revenue_expense": "fi_revenue_expense",
    "revenue_etl_report": "revenue_etl_report",
    "revenue_reconciliation": "revenue_reconciliation"
  },
  "notifications": {
    "enabled": true,
    "on_success": true,
    "on_failure": true,
    "recipients": [
      "admin@example.com"
    ]
  }
}
"""
EMAIL = """{
  "smtp": {
    "host": "mail.yourcompany.com",
    "port": 587,
    "use_tls": true,
    "username": "noreply@yourcompany.com",
    "password": "your-smtp-password"
  },
  "sender": {
    "name": "Revenue ETL System",
    "email": "noreply@yourcompany.com"
  },
  "otp": {
    "length": 6,
    "expiry_minutes": 10
  }
}
"""
AUTH = """{
  "allowed_domains": [
    "yourcompany.com"
  ],
  "admin_emails": [
    "admin@yourcompany.com"
  ],
  "session": {
    "timeout_minutes": 60
  }
}
"""
PASSWORD = "your-smtp-password"

EVIL = "<script>alert(1)</script>{{7*7}}"
