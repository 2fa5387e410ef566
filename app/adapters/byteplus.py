"""BytePlus ModelArk: Ark's protocol at its overseas address, with other model ids.

https://docs.byteplus.com/en/docs/ModelArk/1520757; read 2026-11-20.
"""

from app.adapters.ark import Ark


class BytePlus(Ark):
    """BytePlus's deployment in South-East Asia; other regions differ in the base URL alone."""

    name = "byteplus"
    default_base_url = "https://ark.ap-southeast.bytepluses.com/api/v3"
    environment = {"api_key": "BYTEPLUS_API_KEY"}
