"""Names the fixtures that every test may use."""

pytest_plugins = (
    "tests.fix_servers",
    "tests.fix_redis",
    "tests.fix_proxy",
    "tests.fix_postgres",
    "tests.fix_mariadb",
    "tests.fix_files",
    "tests.fix_demo",
)
