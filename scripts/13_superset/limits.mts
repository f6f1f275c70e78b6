/**
 * Limits of requests and sign-ins, as Python for superset_config.py, which has made REDIS_URL. Superset calls the
 * function when its views are there. Its own limit on sign-ins, 5 a second, has no effect in 6.1.0: it lies on the view
 * that shows the form, and another one takes what is sent.
 */
export const limitsConfig = `\
# Without a storage each process counts for itself. While Redis is away each counts for itself too, and answers.
RATELIMIT_ENABLED = True
RATELIMIT_STORAGE_URI = REDIS_URL
RATELIMIT_IN_MEMORY_FALLBACK_ENABLED = True


def FLASK_APP_MUTATOR(app):
    taking = app.blueprints.get("AuthDBView")
    if taking is not None:
        app.appbuilder.sm.limiter.limit(app.config["AUTH_RATE_LIMIT"], methods=["POST"])(taking)

`
