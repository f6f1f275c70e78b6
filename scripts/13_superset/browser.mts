/**
 * The browser that takes pictures for alerts and reports, as Python for superset_config.py, which has imported shutil.
 * Superset's default is Firefox; the Dockerfile installs Chromium. With the path of its driver Selenium looks for none
 * on the Internet. WEBDRIVER_CONFIGURATION has no binary_location: with one Superset 6.1.0 ends in a TypeError.
 */
export const browserConfig = `\
WEBDRIVER_BASEURL = "http://superset:8088/"
WEBDRIVER_BASEURL_USER_FRIENDLY = os.environ.get("PUBLIC_URL", "")
WEBDRIVER_TYPE = "chrome"
WEBDRIVER_CONFIGURATION = {
    "options": {"capabilities": {}, "preferences": {}},
    "service": {"executable_path": shutil.which("chromedriver"), "log_output": "/dev/null"},
}
# Chromium's own sandbox needs rights that no pod has here; /dev/shm of a container holds 64 MB.
WEBDRIVER_OPTION_ARGS = ["--headless", "--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu"]
`
