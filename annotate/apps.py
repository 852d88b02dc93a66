"""The site as a Django application."""

from django.apps import AppConfig


class AnnotateConfig(AppConfig):
    """People, rows, pages and the API."""

    name = "annotate"
    verbose_name = "Polyreward"
