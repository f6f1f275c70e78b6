// Programs for the image's own Python. They read settings from the environment: no value is inserted into Python.

/** Begins every line in which the preflight reports why an image cannot run Superset; failures.mts explains them. */
export const preflightWord = 'preflight:'

/**
 * Imports what the kit's processes need, as the user they run as, and superset_config.py. An image whose driver is
 * outside its virtual environment, or whose Celery and redis are incompatible, is found before the database is changed.
 */
export const preflight = `
import importlib, importlib.util, os, pwd, shutil, sys

def end(text):
    sys.exit('${preflightWord} ' + text)

if importlib.util.find_spec('superset') is None:
    end('no package superset: this is not an image of Superset')
named = {user.pw_name: user.pw_uid for user in pwd.getpwall()}.get('superset')
if named not in (None, os.getuid()):
    end('uid ' + str(os.getuid()) + ' is not the user superset of the image, which is ' + str(named))
try:
    importlib.import_module('psycopg2')
except ImportError:
    end('no module psycopg2')
for name in ('redis', 'celery', 'kombu', 'flask_caching'):
    try:
        importlib.import_module(name)
    except ImportError:
        end('no module ' + name)
numbers = lambda text: tuple(int(part) for part in text.split('.')[:2])
kombu, redis = sys.modules['kombu'].__version__, sys.modules['redis'].__version__
if numbers(kombu) >= (5, 7) and numbers(redis) < (6, 1):
    end('kombu ' + kombu + ' does not work with redis ' + redis)
for program in ('gunicorn', 'celery', 'superset'):
    if shutil.which(program) is None:
        end('no program ' + program)
for folder in (os.environ['SUPERSET_HOME'], '/tmp'):
    if not os.access(folder, os.W_OK):
        end('cannot write into ' + folder)
browsers = ('chromium', 'chromium-browser', 'google-chrome')
if os.environ.get('REPORTS') == 'true':
    if not any(shutil.which(one) for one in browsers):
        end('no browser')
    if shutil.which('chromedriver') is None:
        end('no browser driver chromedriver')
configuration = importlib.import_module('superset_config')
print('${preflightWord} uid', os.getuid(), 'kombu', kombu, 'redis', redis, configuration.__file__)
`

/**
 * Migrates the database, writes roles and permissions, and creates the first administrator. Flask reads the options of
 * the last command from FLASK_FAB_CREATE_ADMIN_...: no password is on a command line. It exits 0 and changes nothing
 * when the account exists.
 */
export const migrate = 'set -e; superset db upgrade; superset init; exec superset fab create-admin'
