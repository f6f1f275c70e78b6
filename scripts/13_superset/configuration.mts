import { browserConfig } from './browser.mts'
import { limitsConfig } from './limits.mts'
import { filesConfig } from './secret-files.mts'

// superset_config.py: settings for which Superset has no environment variables. The text is the same in every
// environment and has no values: it reads variables, and a missing one stops the start with an error that names it.

/** The folder of the file, on Superset's PYTHONPATH. */
export const configurationFolder = '/app/pythonpath'
export const configurationFile = 'superset_config.py'

/** The file that Celery's process touches: a worker every 2 s while it reaches Redis, beat with each task it sends. */
export const signOfLife = '/tmp/celery-alive'

/** Seconds between two tasks that beat sends only to show that beat and a worker run. */
export const tickSeconds = 20

/** What differs: SQLAlchemy's pool in each process and a timeout, by the processes' sizes; where secret values are. */
export interface Tuning {
  /** Connections that the pool keeps open. */
  readonly pool: number
  /** Connections beyond them under load. */
  readonly overflow: number
  /** Timeout of a web request. */
  readonly requestSeconds: number
  /** True where secret values are files of Vault. */
  readonly files: boolean
}

/** The text of superset_config.py. */
export const supersetConfig = ({ pool, overflow, requestSeconds, files }: Tuning): string => `\
import os
import pathlib
import shutil
from urllib.parse import quote, urlencode

import redis
from celery.schedules import crontab
from celery.signals import before_task_publish, heartbeat_sent
from flask_caching.backends.rediscache import RedisCache
${files ? filesConfig : ''}

def _quoted(name):
    return quote(os.environ[name], safe="")


def _flag(name):
    return os.environ.get(name) == "true"


def _postgres_url():
    user, password = _quoted("POSTGRES_USER"), _quoted("POSTGRES_PASSWORD")
    host, port = os.environ["POSTGRES_HOST"], os.environ["POSTGRES_PORT"]
    tls = {
        "sslmode": os.environ.get("POSTGRES_SSLMODE"),
        "sslrootcert": os.environ.get("POSTGRES_SSLROOTCERT"),
    }
    query = urlencode({key: value for key, value in tls.items() if value})
    database = _quoted("POSTGRES_DATABASE")
    return f"postgresql+psycopg2://{user}:{password}@{host}:{port}/{database}" + (query and "?" + query)


# The one spelling that Celery's broker, its results, the caches and the limiter all understand: a bare rediss://
# would not verify in the broker, and no client of redis-py 5 would compare the host's name.
_redis_reqs = os.environ.get("REDIS_SSL_CERT_REQS")
_redis_ca = os.environ.get("REDIS_SSL_CA_CERTS")


def _redis_url():
    host, port, database = (os.environ[name] for name in ("REDIS_HOST", "REDIS_PORT", "REDIS_DB"))
    verified = {"ssl_check_hostname": "true", "ssl_ca_certs": _redis_ca} if _redis_ca else {}
    tls = urlencode({"ssl_cert_reqs": _redis_reqs, **verified}, safe="/")
    scheme = "rediss" if _redis_reqs else "redis"
    return f"{scheme}://:{_quoted('REDIS_PASSWORD')}@{host}:{port}/{database}" + ("?" + tls if _redis_reqs else "")


def _cache(prefix, seconds):
    return {
        "CACHE_TYPE": "RedisCache",
        "CACHE_REDIS_URL": REDIS_URL,
        "CACHE_KEY_PREFIX": f"superset-{prefix}-",
        "CACHE_DEFAULT_TIMEOUT": seconds,
    }


REDIS_URL = _redis_url()

SECRET_KEY = os.environ["SUPERSET_SECRET_KEY"]
GUEST_TOKEN_JWT_SECRET = os.environ["GUEST_TOKEN_JWT_SECRET"]
GLOBAL_ASYNC_QUERIES_JWT_SECRET = os.environ["GLOBAL_ASYNC_QUERIES_JWT_SECRET"]

SQLALCHEMY_DATABASE_URI = _postgres_url()
# A load balancer that cuts quiet connections does so after 30 s.
SQLALCHEMY_ENGINE_OPTIONS = {
    "pool_size": ${pool},
    "max_overflow": ${overflow},
    "pool_pre_ping": True,
    "pool_recycle": 25,
}

CACHE_CONFIG = _cache("cache", 86400)
DATA_CACHE_CONFIG = _cache("data", 86400)
FILTER_STATE_CACHE_CONFIG = {**_cache("filter", 7776000), "REFRESH_TIMEOUT_ON_RETRIEVAL": True}
EXPLORE_FORM_DATA_CACHE_CONFIG = {**_cache("explore", 604800), "REFRESH_TIMEOUT_ON_RETRIEVAL": True}
THUMBNAIL_CACHE_CONFIG = _cache("thumbnail", 604800)
RESULTS_BACKEND = RedisCache(host=redis.Redis.from_url(REDIS_URL), key_prefix="superset-results-")
# What is the same for locks and asynchronous charts: these two read no URL.
_coordination = {
    "CACHE_TYPE": "RedisCache",
    "CACHE_REDIS_HOST": os.environ["REDIS_HOST"],
    "CACHE_REDIS_PORT": int(os.environ["REDIS_PORT"]),
    "CACHE_REDIS_DB": int(os.environ["REDIS_DB"]),
    "CACHE_REDIS_PASSWORD": os.environ["REDIS_PASSWORD"],
    "CACHE_REDIS_SSL": bool(_redis_reqs),
    "CACHE_REDIS_SSL_CERT_REQS": _redis_reqs or "required",
    "CACHE_REDIS_SSL_CA_CERTS": _redis_ca,
}
DISTRIBUTED_COORDINATION_CONFIG = {**_coordination, "CACHE_KEY_PREFIX": "superset-coordination-"}
GLOBAL_ASYNC_QUERIES_CACHE_BACKEND = {**_coordination, "CACHE_KEY_PREFIX": "superset-async-"}

${limitsConfig}
# TLS ends before this process. x_port stays 0: proxies send their own port, and redirects would lead there.
ENABLE_PROXY_FIX = True
PROXY_FIX_CONFIG = {
    "x_for": int(os.environ.get("PROXY_HOPS", "1")),
    "x_proto": 1,
    "x_host": 1,
    "x_port": 0,
    "x_prefix": 0,
}
SESSION_COOKIE_SECURE = True
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
GLOBAL_ASYNC_QUERIES_JWT_COOKIE_SECURE = True

AUTH_USER_REGISTRATION = False
PUBLIC_ROLE_LIKE = None
FAB_API_SWAGGER_UI = False
ENABLE_CORS = False

SUPERSET_WEBSERVER_TIMEOUT = ${requestSeconds}
SQLLAB_ASYNC_TIME_LIMIT_SEC = int(os.environ.get("QUERY_SECONDS_MAX", "300"))

# Superset's own defaults are a public password and a relay that is not asked for its certificate.
SMTP_HOST = os.environ.get("SMTP_HOST", "")
SMTP_PORT = int(os.environ.get("SMTP_PORT", "587"))
SMTP_USER = os.environ.get("SMTP_USER", "")
SMTP_PASSWORD = os.environ.get("SMTP_PASSWORD", "")
SMTP_MAIL_FROM = os.environ.get("SMTP_FROM", "")
SMTP_SSL = SMTP_PORT == 465
SMTP_STARTTLS = not SMTP_SSL
SMTP_SSL_SERVER_AUTH = True

FEATURE_FLAGS = {"ALERT_REPORTS": _flag("REPORTS")}
${browserConfig}

class CeleryConfig:
    broker_url = REDIS_URL
    result_backend = REDIS_URL
    broker_connection_retry_on_startup = True
    imports = (
        "superset.sql_lab",
        "superset.tasks.scheduler",
        "superset.tasks.thumbnails",
        "superset.tasks.cache",
        "superset.tasks.slack",
    )
    task_acks_late = False
    worker_prefetch_multiplier = 1
    task_annotations = {"sql_lab.get_sql_results": {"rate_limit": "100/s"}}
    beat_schedule = {
        # Does nothing on Redis: it shows that beat sends and a worker takes.
        "keybuzz.tick": {
            "task": "celery.backend_cleanup",
            "schedule": ${tickSeconds}.0,
            "options": {"expires": ${tickSeconds}},
        },
        "reports.prune_log": {"task": "reports.prune_log", "schedule": crontab(minute=0, hour=0)},
        **(
            {
                "reports.scheduler": {
                    "task": "reports.scheduler",
                    "schedule": crontab(minute="*", hour="*"),
                    "options": {"expires": 604800},
                }
            }
            if _flag("REPORTS")
            else {}
        ),
    }


CELERY_CONFIG = CeleryConfig


@heartbeat_sent.connect
@before_task_publish.connect
def _alive(**_kwargs):
    pathlib.Path("${signOfLife}").touch()
`
