"""Django settings, read strictly from the environment (docs/settings.md); safe where nothing is set."""

import hashlib
import os
import tempfile
from pathlib import Path
from urllib.parse import quote, urlsplit

import dj_database_url
import django_stubs_ext
from csp.constants import NONE, SELF

from annotate.environment import (
    read_address,
    read_directory,
    read_flag,
    read_limit,
    read_list,
    read_mail_server,
    read_seconds,
    read_secret,
    read_token,
)
from annotate.version import VERSION

django_stubs_ext.monkeypatch()  # lets forms and admin classes name the model that they are for

ROOT = Path(__file__).resolve().parent.parent
VAR = read_directory("POLYREWARD_VAR", default=ROOT / "var")
ARTIFACTS = read_directory("POLYREWARD_ARTIFACTS", default=VAR / "artifacts")
MODELS = read_directory("POLYREWARD_MODELS", default=VAR / "models")
RUNS = read_directory("POLYREWARD_RUNS", default=VAR / "runs")

DEBUG = read_flag("POLYREWARD_DEBUG", default=False)
SECRET_KEY = read_secret("POLYREWARD_SECRET_KEY", kept_in=VAR / "secret_key")
LANGUAGES_IN_USE = read_list("POLYREWARD_LANGUAGES", default="de,en,es,ru,tr,vi")
ALLOWED_HOSTS = read_list("POLYREWARD_HOSTS", default="localhost,127.0.0.1,[::1]")
CSRF_TRUSTED_ORIGINS = read_list("POLYREWARD_ORIGINS", default="")
HTTPS = read_flag("POLYREWARD_HTTPS", default=False)
URL = read_address("POLYREWARD_URL", default=(CSRF_TRUSTED_ORIGINS or ["http://localhost:8000"])[0])
METRICS_TOKEN = read_token("POLYREWARD_METRICS_TOKEN")

INSTALLED_APPS = [
    "annotate",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "csp",
    "rest_framework",
    "rest_framework.authtoken",
    "drf_spectacular",
]
MIDDLEWARE = [
    "django.middleware.gzip.GZipMiddleware",  # annotators often sit on slow lines
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "csp.middleware.CSPMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "annotate.web.errors.AnnotateErrorMiddleware",
]
ROOT_URLCONF = "annotate.urls"
WSGI_APPLICATION = "annotate.wsgi.application"
ASGI_APPLICATION = "annotate.asgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [ROOT / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "annotate.web.news.bell",
            ]
        },
    }
]

SQLITE = {
    "ENGINE": "django.db.backends.sqlite3",
    "NAME": VAR / "polyreward.sqlite3",
    "OPTIONS": {
        "transaction_mode": "IMMEDIATE",
        "timeout": 30,
        "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL; PRAGMA busy_timeout=30000;",
    },
}
DATABASES = {
    "default": dj_database_url.config(conn_max_age=60, conn_health_checks=True)
    if os.environ.get("DATABASE_URL")
    else SQLITE
}
CACHES = {  # shared by the processes of this machine
    "default": {
        "BACKEND": "django.core.cache.backends.filebased.FileBasedCache",
        "LOCATION": VAR / "cache",
        "OPTIONS": {"MAX_ENTRIES": 2000},
    }
}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"


def _socket_path() -> Path:
    """Where the embedded broker listens: a unix socket's path holds about 100 bytes, so a deep one moves."""
    path = VAR / "broker.sock"
    if len(os.fsencode(path)) <= 100:
        return path
    return (
        Path(tempfile.gettempdir()) / f"polyreward-{hashlib.sha256(os.fsencode(VAR)).hexdigest()[:16]}.sock"
    )


BROKER_SOCKET = _socket_path()
EMBEDDED_BROKER = not os.environ.get("REDIS_URL")
BROKER_URL = f"redis+socket://{quote(str(BROKER_SOCKET))}" if EMBEDDED_BROKER else os.environ["REDIS_URL"]

HEARTBEAT_SECONDS = read_seconds("POLYREWARD_HEARTBEAT_SECONDS", default=2)
SILENCE_SECONDS = read_seconds("POLYREWARD_SILENCE_SECONDS", default=60)
SWEEP_SECONDS = read_seconds("POLYREWARD_SWEEP_SECONDS", default=10)
HANG_SECONDS = read_limit("POLYREWARD_HANG_SECONDS", default=7200)

WEBHOOK_PRIVATE = read_flag("POLYREWARD_WEBHOOK_PRIVATE", default=False)
MAIL_SERVER = read_mail_server("POLYREWARD_EMAIL_URL")
EMAIL_AVAILABLE = MAIL_SERVER is not None
if MAIL_SERVER is not None:
    EMAIL_HOST, EMAIL_PORT = MAIL_SERVER.host, MAIL_SERVER.port
    EMAIL_HOST_USER, EMAIL_HOST_PASSWORD = MAIL_SERVER.user, MAIL_SERVER.password
    EMAIL_USE_TLS, EMAIL_USE_SSL = MAIL_SERVER.starttls, MAIL_SERVER.ssl
EMAIL_TIMEOUT = 5
DEFAULT_FROM_EMAIL = os.environ.get("POLYREWARD_EMAIL_FROM", f"polyreward@{urlsplit(URL).hostname}")

AUTH_USER_MODEL = "annotate.User"
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in ("UserAttributeSimilarityValidator", "MinimumLengthValidator", "CommonPasswordValidator")
]
LOGIN_URL = "account:login"
LOGIN_REDIRECT_URL = "home"
LOGOUT_REDIRECT_URL = "account:login"

LANGUAGE_CODE = "en"
TIME_ZONE = "UTC"
USE_TZ = True

STATIC_URL = "static/"
STATICFILES_DIRS = [ROOT / "static"]
WHITENOISE_USE_FINDERS = True  # no collectstatic: what is under static/ is served as it is

CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [NONE],
        "script-src": [SELF],
        "style-src": [SELF],
        "img-src": [SELF, "data:"],
        "connect-src": [SELF],
        "font-src": [SELF],
        "form-action": [SELF],
        "base-uri": [NONE],
        "frame-ancestors": [NONE],
    }
}
X_FRAME_OPTIONS = "DENY"
SECURE_REFERRER_POLICY = "same-origin"
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = SECURE_SSL_REDIRECT = HTTPS
SECURE_HSTS_SECONDS = 31_536_000 if HTTPS else 0
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if HTTPS else None

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "rest_framework.authentication.TokenAuthentication",
        "rest_framework.authentication.SessionAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
    "DEFAULT_PAGINATION_CLASS": "rest_framework.pagination.LimitOffsetPagination",
    "PAGE_SIZE": 100,
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "EXCEPTION_HANDLER": "annotate.api.errors.handle",
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
}
SPECTACULAR_SETTINGS = {
    "TITLE": "Polyreward",
    "VERSION": VERSION,
    "SERVE_INCLUDE_SCHEMA": False,
    "SERVE_PERMISSIONS": ["rest_framework.permissions.IsAuthenticated"],
}

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"line": {"format": "{asctime} {levelname} {name}: {message}", "style": "{"}},
    "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "line"}},
    "root": {"handlers": ["console"], "level": "INFO"},
}
