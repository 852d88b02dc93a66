"""Every address of the site."""

from django.contrib import admin
from django.urls import include, path
from drf_spectacular.views import SpectacularAPIView

from annotate.web import (
    account,
    annotator,
    audit,
    control,
    design,
    imports,
    jobs,
    launch,
    metrics,
    news,
    researcher,
    workers,
)

urlpatterns = [
    path("", account.home, name="home"),
    path("account/", include(account)),
    path("studies/", include(annotator)),
    path("", include((launch.urlpatterns + jobs.urlpatterns, jobs.app_name))),
    path("workers/", include(workers)),
    path("experiments/", include(researcher)),
    path("experiments/", include(control)),
    path("data/", include(imports)),
    path("news/", include(news)),
    path("audit/", include(audit)),
    path("metrics", metrics.page, name="metrics"),
    path("design/", design.page, name="design"),
    path("api/v1/", include("annotate.api.urls")),
    path("api/schema/", SpectacularAPIView.as_view(), name="schema"),
    path("admin/", admin.site.urls),
]
handler403 = "annotate.web.errors.not_allowed"
handler404 = "annotate.web.errors.not_found"
handler500 = "annotate.web.errors.server_error"
