-- Drafts may be deleted by who writes them.

GRANT DELETE ON zwfw.items TO zwfw_staff;
