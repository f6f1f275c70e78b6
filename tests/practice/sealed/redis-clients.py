"""Each client of Redis that Superset has by the kit's configuration, asked once in a pod of it.

A line each: `NAME connected`, or `NAME refused: WHY`.
"""

import logging

from superset.app import create_app

app = create_app()
logging.disable(logging.CRITICAL)


def say(name, ask):
    try:
        ask()
    except Exception as error:
        print(name, "refused:", " ".join(str(error).split()))
    else:
        print(name, "connected")


with app.app_context():
    from superset.async_events.cache_backend import RedisCacheBackend
    from superset.extensions import cache_manager, celery_app, results_backend_manager

    caches = ("cache", "data_cache", "filter_state_cache", "explore_form_data_cache", "thumbnail_cache")
    locks = cache_manager.distributed_coordination
    charts = RedisCacheBackend.from_config(app.config["GLOBAL_ASYNC_QUERIES_CACHE_BACKEND"])

    say("broker", lambda: celery_app.connection_for_write().channel().client.ping())
    say("results", lambda: celery_app.backend.client.ping())
    for cache in caches:
        say(cache, lambda: getattr(cache_manager, cache).cache.set("keybuzz-test", 1))
    say("query-results", lambda: results_backend_manager.results_backend.set("keybuzz-test", 1))
    say("limiter", lambda: app.appbuilder.sm.limiter.storage.storage.ping())
    say("locks", lambda: locks._cache.ping())
    say("charts", lambda: charts._cache.ping())
